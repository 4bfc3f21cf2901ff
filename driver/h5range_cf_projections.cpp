// CRS from grid mappings: CF conventions, appendix F, and the attributes by which other writers say the same.
#include "h5range_cf.h"

#include <cmath>

namespace h5range
{

namespace
{

using SRSPtr = std::shared_ptr<OGRSpatialReference>;

SRSPtr NewSRS()
{
    auto poSRS = SRSPtr(new OGRSpatialReference(), [](OGRSpatialReference *p) { p->Release(); });
    poSRS->SetAxisMappingStrategy(OAMS_TRADITIONAL_GIS_ORDER);
    return poSRS;
}

/** Parameters of one mapping, lengths in metres or in the axes' unit. */
class Parameters
{
  public:
    Parameters(const Attributes &oAttributes, double dfLength) : m_oAttributes(oAttributes), m_dfLength(dfLength)
    {
    }
    double Get(std::initializer_list<const char *> apszNames, double dfDefault = 0) const
    {
        const double dfValue = m_oAttributes.Number(apszNames);
        return std::isnan(dfValue) ? dfDefault : dfValue;
    }
    double Lat0(double dfDefault = 0) const
    {
        return Get({"latitude_of_projection_origin"}, dfDefault);
    }
    double Lon0() const
    {
        return Get({"longitude_of_central_meridian", "longitude_of_projection_origin", "straight_vertical_longitude_from_pole"});
    }
    double Scale() const
    {
        return Get({"scale_factor_at_central_meridian", "scale_factor_at_projection_origin"}, 1);
    }
    double FE() const
    {
        return Get({"false_easting"}) * m_dfLength;
    }
    double FN() const
    {
        return Get({"false_northing"}) * m_dfLength;
    }
    std::vector<double> Numbers(const char *pszName) const
    {
        return m_oAttributes.Numbers(pszName);
    }
    std::vector<double> Parallels() const
    {
        return Numbers("standard_parallel");
    }
    std::string Text(const char *pszName, const char *pszDefault = "") const
    {
        const std::string osText = m_oAttributes.Text(pszName);
        return osText.empty() ? pszDefault : osText;
    }

  private:
    const Attributes &m_oAttributes;
    const double m_dfLength;
};

struct Ellipsoid
{
    double dfA, dfInvF; // dfInvF 0: a sphere
    bool bGiven;
};

Ellipsoid EllipsoidOf(const Parameters &oParameters)
{
    Ellipsoid sEllipsoid{oParameters.Get({"semi_major_axis", "semi_major", "earth_radius"}), oParameters.Get({"inverse_flattening"}), true};
    const double dfB = oParameters.Get({"semi_minor_axis", "semi_minor"});
    if (!(sEllipsoid.dfA > 0))
        return {SRS_WGS84_SEMIMAJOR, SRS_WGS84_INVFLATTENING, false};
    if (!(sEllipsoid.dfInvF > 0) && dfB > 0)
        sEllipsoid.dfInvF = OSRCalcInvFlattening(sEllipsoid.dfA, dfB);
    return sEllipsoid;
}

void SetGeographic(OGRSpatialReference &oSRS, const Parameters &oParameters)
{
    const Ellipsoid sEllipsoid = EllipsoidOf(oParameters);
    const std::string osDatum = oParameters.Text("horizontal_datum_name");
    if (!sEllipsoid.bGiven)
    {
        oSRS.SetWellKnownGeogCS("WGS84");
        return;
    }
    const double dfMeridian = oParameters.Get({"longitude_of_prime_meridian"});
    oSRS.SetGeogCS(oParameters.Text("geographic_crs_name", "unknown").c_str(), osDatum.empty() ? nullptr : osDatum.c_str(),
                   oParameters.Text("reference_ellipsoid_name", sEllipsoid.dfInvF > 0 ? "Spheroid" : "Sphere").c_str(), sEllipsoid.dfA, sEllipsoid.dfInvF,
                   oParameters.Text("prime_meridian_name", dfMeridian != 0 ? "unknown" : SRS_PM_GREENWICH).c_str(), dfMeridian);
    const auto adfToWGS84 = oParameters.Numbers("towgs84");
    if (adfToWGS84.size() == 3)
        oSRS.SetTOWGS84(adfToWGS84[0], adfToWGS84[1], adfToWGS84[2]);
    else if (adfToWGS84.size() == 7)
        oSRS.SetTOWGS84(adfToWGS84[0], adfToWGS84[1], adfToWGS84[2], adfToWGS84[3], adfToWGS84[4], adfToWGS84[5], adfToWGS84[6]);
}

// Latitude whose scale is dfScale on a cylindrical or conformal projection with true scale at the equator.
double ParallelOfScale(double dfScale, const Ellipsoid &sEllipsoid)
{
    const double dfF = sEllipsoid.dfInvF > 0 ? 1 / sEllipsoid.dfInvF : 0;
    const double dfE2 = dfF * (2 - dfF);
    if (!(dfScale > 0 && dfScale < 1))
        return 0;
    return std::asin(std::sqrt((1 - dfScale * dfScale) / (1 - dfScale * dfScale * dfE2))) * 180 / M_PI;
}

OGRErr SetConic(OGRSpatialReference &oSRS, const Parameters &o, bool bConformal)
{
    auto adfParallels = o.Parallels();
    if (adfParallels.empty())
        adfParallels.push_back(o.Lat0());
    const double dfFirst = adfParallels[0];
    const double dfSecond = adfParallels.size() > 1 ? adfParallels[1] : dfFirst;
    if (!bConformal)
        return oSRS.SetACEA(dfFirst, dfSecond, o.Lat0(), o.Lon0(), o.FE(), o.FN());
    // One parallel of true scale, at the origin: the form with one standard parallel. Elsewhere only the other form can say it.
    if (dfFirst == dfSecond && std::fabs(dfFirst - o.Lat0(dfFirst)) < 1e-9)
        return oSRS.SetLCC1SP(dfFirst, o.Lon0(), o.Scale(), o.FE(), o.FN());
    return oSRS.SetLCC(dfFirst, dfSecond, o.Lat0(), o.Lon0(), o.FE(), o.FN());
}

OGRErr SetPolarStereographic(OGRSpatialReference &oSRS, const Parameters &o)
{
    const auto adfParallels = o.Parallels();
    const double dfLon = o.Get({"straight_vertical_longitude_from_pole", "longitude_of_projection_origin", "longitude_of_central_meridian"});
    const double dfPole = o.Lat0(!adfParallels.empty() && adfParallels[0] < 0 ? -90 : 90);
    const double dfScale = o.Get({"scale_factor_at_projection_origin", "scale_factor_at_central_meridian"}, 1);
    if (!adfParallels.empty() && dfScale == 1 && std::fabs(adfParallels[0]) < 90)
        return oSRS.SetPS(adfParallels[0], dfLon, 1, o.FE(), o.FN()); // variant B, by the latitude of true scale
    return oSRS.SetPS(dfPole, dfLon, dfScale, o.FE(), o.FN());
}

OGRErr SetMercator(OGRSpatialReference &oSRS, const Parameters &o)
{
    const auto adfParallels = o.Parallels();
    if (!adfParallels.empty())
        return oSRS.SetMercator2SP(adfParallels[0], 0, o.Get({"longitude_of_projection_origin", "longitude_of_central_meridian"}), o.FE(), o.FN());
    return oSRS.SetMercator(o.Lat0(), o.Get({"longitude_of_projection_origin", "longitude_of_central_meridian"}), o.Scale(), o.FE(), o.FN());
}

bool SweepsX(const Parameters &o)
{
    const std::string osSweep = o.Text("sweep_angle_axis");
    if (!osSweep.empty())
        return EQUAL(osSweep.c_str(), "x");
    return EQUAL(o.Text("fixed_angle_axis").c_str(), "y");
}

OGRErr SetGeostationary(OGRSpatialReference &oSRS, const Parameters &o)
{
    const double dfHeight = o.Get({"perspective_point_height"}, 35785831);
    if (!SweepsX(o))
        return oSRS.SetGEOS(o.Lon0(), dfHeight, o.FE(), o.FN());
    // GDAL has no call for the other sweep; PROJ's own form of it becomes a projected CRS all the same.
    OGRSpatialReference oPROJ;
    const OGRErr eErr = oPROJ.importFromProj4(CPLSPrintf("+proj=geos +sweep=x +lon_0=%.17g +h=%.17g +x_0=%.17g +y_0=%.17g +ellps=WGS84 +units=m +no_defs",
                                                         o.Lon0(), dfHeight, o.FE(), o.FN()));
    if (eErr == OGRERR_NONE)
        oSRS = oPROJ;
    return eErr;
}

OGRErr SetRotatedPole(OGRSpatialReference &oSRS, const Parameters &o)
{
    return oSRS.SetDerivedGeogCRSWithPoleRotationNetCDFCFConvention("Rotated_pole", o.Get({"grid_north_pole_latitude"}),
                                                                    o.Get({"grid_north_pole_longitude"}), o.Get({"north_pole_grid_longitude"}));
}

OGRErr SetProjection(OGRSpatialReference &oSRS, const std::string &osName, const Parameters &o)
{
    const char *pszName = osName.c_str();
    const auto adfParallels = o.Parallels();
    if (EQUAL(pszName, "albers_conical_equal_area"))
        return SetConic(oSRS, o, false);
    if (EQUAL(pszName, "lambert_conformal_conic"))
        return SetConic(oSRS, o, true);
    if (EQUAL(pszName, "azimuthal_equidistant"))
        return oSRS.SetAE(o.Lat0(), o.Lon0(), o.FE(), o.FN());
    if (EQUAL(pszName, "geostationary"))
        return SetGeostationary(oSRS, o);
    if (EQUAL(pszName, "lambert_azimuthal_equal_area"))
        return oSRS.SetLAEA(o.Lat0(), o.Lon0(), o.FE(), o.FN());
    if (EQUAL(pszName, "lambert_cylindrical_equal_area"))
        return oSRS.SetCEA(!adfParallels.empty() ? adfParallels[0] : ParallelOfScale(o.Scale(), EllipsoidOf(o)), o.Lon0(), o.FE(), o.FN());
    if (EQUAL(pszName, "mercator"))
        return SetMercator(oSRS, o);
    if (EQUAL(pszName, "oblique_mercator"))
    {
        const double dfAzimuth = o.Get({"azimuth_of_central_line"});
        return oSRS.SetHOMAC(o.Lat0(), o.Lon0(), dfAzimuth, dfAzimuth, o.Scale(), o.FE(), o.FN());
    }
    if (EQUAL(pszName, "orthographic"))
        return oSRS.SetOrthographic(o.Lat0(), o.Lon0(), o.FE(), o.FN());
    if (EQUAL(pszName, "polar_stereographic"))
        return SetPolarStereographic(oSRS, o);
    if (EQUAL(pszName, "sinusoidal"))
        return oSRS.SetSinusoidal(o.Lon0(), o.FE(), o.FN());
    if (EQUAL(pszName, "stereographic"))
        return oSRS.SetStereographic(o.Lat0(), o.Lon0(), o.Scale(), o.FE(), o.FN());
    if (EQUAL(pszName, "transverse_mercator"))
        return oSRS.SetTM(o.Lat0(), o.Lon0(), o.Scale(), o.FE(), o.FN());
    if (EQUAL(pszName, "vertical_perspective"))
        return oSRS.SetVerticalPerspective(o.Lat0(), o.Lon0(), 0, o.Get({"perspective_point_height"}), o.FE(), o.FN());
    return OGRERR_UNSUPPORTED_SRS;
}

// Of attributes called "crs", which may be anything.
bool IsDefinition(const std::string &osText)
{
    for (const char *pszPart : {"+proj=", "+init=", "GEOGC", "PROJC", "EPSG:"})
        if (osText.find(pszPart) != std::string::npos)
            return true;
    return false;
}

SRSPtr FromDefinition(const Attributes &oMapping)
{
    // "crs", beside "res" and "transform", is what xarray's former open_rasterio() left on its arrays.
    for (const char *pszName : {"spatial_ref", "crs_wkt", "esri_pe_string", "srid", "proj4_string", "proj4text", "proj4", "crs"})
    {
        std::string osText = oMapping.Text(pszName);
        if (osText.empty() || (EQUAL(pszName, "crs") && !IsDefinition(osText)))
            continue;
        auto poSRS = NewSRS();
        if (EQUAL(pszName, "esri_pe_string"))
            osText = "ESRI::" + osText;
        // A definition that cannot be read is no reason to complain: the parameters beside it may do.
        CPLPushErrorHandler(CPLQuietErrorHandler);
        const OGRErr eErr = poSRS->SetFromUserInput(osText.c_str(), OGRSpatialReference::SET_FROM_USER_INPUT_LIMITATIONS_get());
        CPLPopErrorHandler();
        if (eErr == OGRERR_NONE)
            return poSRS;
    }
    const double dfEPSG = oMapping.Number({"epsg_code", "spatial_epsg"});
    if (dfEPSG > 0 && dfEPSG < 1e6)
    {
        auto poSRS = NewSRS();
        if (poSRS->importFromEPSG(static_cast<int>(dfEPSG)) == OGRERR_NONE)
            return poSRS;
    }
    return nullptr;
}

} // namespace

std::shared_ptr<OGRSpatialReference> CFLongLat()
{
    auto poSRS = NewSRS();
    poSRS->SetWellKnownGeogCS("WGS84");
    poSRS->SetAxisMappingStrategy(OAMS_TRADITIONAL_GIS_ORDER);
    return poSRS;
}

std::shared_ptr<OGRSpatialReference> CFSpatialRefFromMapping(const Attributes &oMapping, double dfUnit, bool bMetre)
{
    if (auto poSRS = FromDefinition(oMapping))
        return poSRS;
    const std::string osName = oMapping.Text("grid_mapping_name");
    if (osName.empty())
        return nullptr;

    if (!(dfUnit > 0))
        dfUnit = 1;
    const Parameters oParameters(oMapping, bMetre ? dfUnit : 1); // false easting and northing are in the unit of the axes
    auto poSRS = NewSRS();
    if (EQUAL(osName.c_str(), "latitude_longitude"))
    {
        SetGeographic(*poSRS, oParameters);
        return poSRS;
    }
    if (EQUAL(osName.c_str(), "rotated_latitude_longitude"))
    {
        SetGeographic(*poSRS, oParameters);
        return SetRotatedPole(*poSRS, oParameters) == OGRERR_NONE ? poSRS : nullptr;
    }
    const OGRErr eErr = SetProjection(*poSRS, osName, oParameters);
    if (eErr == OGRERR_UNSUPPORTED_SRS)
    {
        CPLDebug("H5RANGE", "grid_mapping_name %s is unknown", osName.c_str());
        return nullptr;
    }
    if (eErr != OGRERR_NONE)
        return nullptr;
    SetGeographic(*poSRS, oParameters);
    if (!bMetre && dfUnit != 1)
        poSRS->SetLinearUnits(dfUnit == 1000 ? "kilometre" : "unknown", dfUnit);
    const std::string osProjected = oParameters.Text("projected_crs_name");
    if (!osProjected.empty())
        poSRS->SetNode("PROJCS", osProjected.c_str());
    poSRS->SetAxisMappingStrategy(OAMS_TRADITIONAL_GIS_ORDER);
    return poSRS;
}

std::shared_ptr<OGRSpatialReference> CFArray::SpatialRef(bool bMetre) const
{
    if (m_iXDim < 0 || m_iYDim < 0)
        return nullptr;
    const Axis &oX = m_aoAxes[static_cast<size_t>(m_iXDim)];
    const Axis &oY = m_aoAxes[static_cast<size_t>(m_iYDim)];
    const double dfUnit = CFUnitInMetres(oX.oAttributes.Text("units"));
    if (auto poSRS = CFSpatialRefFromMapping(m_poMapping ? m_oMappingAttributes : m_oAttributes, dfUnit, bMetre))
        return poSRS;
    if (oX.poVariable && oY.poVariable && CFIsLongitude(oX.oAttributes.Getter(), oX.osName) && CFIsLatitude(oY.oAttributes.Getter(), oY.osName))
        return CFLongLat();
    // The CRS of a whole file by the Attribute Convention for Data Discovery, where the axes are those of a projection.
    const std::string osBounds = m_poRoot && dfUnit > 0 ? Attributes(*m_poRoot).Text("geospatial_bounds_crs") : std::string();
    if (!osBounds.empty())
    {
        auto poSRS = NewSRS();
        CPLPushErrorHandler(CPLQuietErrorHandler);
        const OGRErr eErr = poSRS->SetFromUserInput(osBounds.c_str(), OGRSpatialReference::SET_FROM_USER_INPUT_LIMITATIONS_get());
        CPLPopErrorHandler();
        if (eErr == OGRERR_NONE && poSRS->IsProjected())
            return poSRS;
    }
    return nullptr;
}

std::shared_ptr<OGRSpatialReference> CFSpatialRef(const std::shared_ptr<GDALGroup> &poRoot, const GDALMDArray &oArray,
                                                  const std::string &osGroupFullName)
{
    if (oArray.GetDimensionCount() < 2)
        return nullptr;
    const CFArray oCF(poRoot, oArray, osGroupFullName);
    auto poSRS = oCF.SpatialRef(false);
    if (!poSRS)
        return nullptr;
    // Traditional order is (X, Y): an axis mapping of 2,1 says that the CRS itself has latitude first.
    const int iX = oCF.XDim() + 1, iY = oCF.YDim() + 1;
    if (poSRS->GetDataAxisToSRSAxisMapping() == std::vector<int>{2, 1})
        poSRS->SetDataAxisToSRSAxisMapping({iY, iX});
    else
        poSRS->SetDataAxisToSRSAxisMapping({iX, iY});
    return poSRS;
}

} // namespace h5range
